"""The ``sgmn`` command. Upper floors add theirs through the ``sgmn.commands`` entry points."""
