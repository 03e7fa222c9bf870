"""Pictures of ingredients by name."""

from __future__ import annotations

from models.store import fruit, pantry
from models.store.assortment import ACCENTS, Colour
from models.store.paint import Canvas
from models.store.sketch import WHITE, Draw, halved, round_fruit, solid


def draw_motif(canvas: Canvas, motif: str, x: float, y: float, r: float, tint: Colour) -> None:
    """Draws `motif` centred on (x, y) within radius `r` pixels; `tint` colours a generic one."""
    _MOTIFS[motif](canvas, x, y, r, tint)


_PEACH = halved(ACCENTS["peach"], (252, 200, 140), (130, 66, 40))
_PLUM = halved(ACCENTS["plum"], (240, 170, 90), (90, 50, 40))
_COCONUT = halved((112, 74, 50), WHITE, (214, 226, 226))

_MOTIFS: dict[str, Draw] = {
    "almond": pantry.nuts(ACCENTS["almond"]), "apple": fruit.apple, "banana": fruit.banana,
    "bean": pantry.beans, "beetroot": solid(pantry.bulb, ACCENTS["beetroot"]),
    "broccoli": pantry.broccoli, "butter": pantry.cubes(ACCENTS["butter"]), "carrot": pantry.carrot,
    "cheese": pantry.cheese, "cherry": fruit.cherry, "chicken": pantry.chicken,
    "chocolate": pantry.squares, "coconut": _COCONUT, "coffee": pantry.coffee, "drop": pantry.drop,
    "fish": pantry.fish, "flower": pantry.flower, "garlic": solid(pantry.bulb, (236, 226, 232)),
    "ginger": pantry.nuts(ACCENTS["ginger"], (0.2, 1.9, -1.2)), "grain": pantry.grain,
    "grapes": fruit.grapes, "honey": pantry.honey, "kiwi": fruit.kiwi, "leaf": pantry.leaf_motif,
    "leek": pantry.leek, "lemon": fruit.citrus(ACCENTS["lemon"]),
    "lime": fruit.citrus(ACCENTS["lime"]), "mango": fruit.mango, "mushroom": pantry.mushroom,
    "olive": fruit.olive, "onion": solid(pantry.bulb, ACCENTS["onion"]),
    "orange": fruit.citrus(ACCENTS["orange"]), "peach": _PEACH, "peanut": pantry.peanut,
    "pear": fruit.pear, "pepper": pantry.pepper, "plum": _PLUM,
    "potato": solid(round_fruit, ACCENTS["potato"]), "rice": pantry.rice,
    "salt": pantry.cubes((222, 232, 244)), "strawberry": fruit.strawberry,
    "tomato": solid(round_fruit, ACCENTS["tomato"]),
}  # fmt: skip
