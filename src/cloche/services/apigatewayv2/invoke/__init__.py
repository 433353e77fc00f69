"""What happens to a request at an HTTP API's door; `pipeline.py` is the list of the steps."""
