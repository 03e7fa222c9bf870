"""``sgmn gpu-check``: everything that only a GPU can prove, in one command and one JSON file.

Runs where neither torch nor the training packages are: networks come from a folder that was
prepared on another machine. Every section is a process of its own, so that one which fails or
crashes takes no other with it.
"""
