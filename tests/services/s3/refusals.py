"""How a refused call is looked at."""
from __future__ import annotations

import pytest
from botocore.exceptions import ClientError


def refused(call, *args, **kwargs) -> tuple[str, int]:
    """Code and status of the error that the call must end in."""
    with pytest.raises(ClientError) as error:
        call(*args, **kwargs)
    answer = error.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]
