"""The bundle: the folder of network files that a kiosk is given, verified before use."""
