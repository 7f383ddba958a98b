"""The sandbox's images: made on this machine from Debian's packages, each from its own folder.

`recipes` says what there is and gives each a name that follows its content; `build` makes what is
missing.
"""
