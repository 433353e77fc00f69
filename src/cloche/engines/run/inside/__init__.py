"""Files that run on the other side: in the warden, the zygotes and the environments.

They import nothing of ours but each other, by plain name, and keep to Python 3.9: the interpreter there is the function's, not the server's.
"""
