"""What happens to a request at an API's door, step by step; `pipeline.py` is the list of the steps."""
