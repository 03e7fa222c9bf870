"""The kiosk: camera and microphone in, one screen on the loopback network out."""
