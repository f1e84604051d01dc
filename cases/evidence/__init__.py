"""Evidence packages: all that a case rests on, as it stood, sealed so that any change is shown.

`seen` is what a package may be made of, `package` makes it, `report` puts it in words, `folder`
writes and reads its files, `seals` keeps its digest and verifies it.
"""
