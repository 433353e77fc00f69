"""What happens at the edge: a viewer's request on its way to the cache or the origin, and the answer on its way back.

`pipeline` is the way; each station is a module: `choosing` (behaviour, what is kept and sent), `signed`, `cache`, `origins`, `compressing`, `viewer_headers`, `pages`.
"""
