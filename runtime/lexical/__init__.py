"""What the words heard say about products, letter by letter: titles, descriptions, denials.

A sentence vector knows what words mean; a shop's names mean little and are often misheard. This
room matches spelling and sound.
"""
