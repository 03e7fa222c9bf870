"""What a synthetic shop can sell: product lines, their flavours and the brands that make them."""

from __future__ import annotations

from dataclasses import dataclass

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Flavour:
    """One variety of a line: the words on the label, the picture drawn and its RGB colour."""

    words: str
    motif: str
    accent: Colour


@dataclass(frozen=True)
class Line:
    """A kind of product sold in several flavours, and the packages it can come in."""

    kind: str
    product_type: str
    packages: tuple[str, ...]
    flavours: tuple[Flavour, ...]


ACCENTS: dict[str, Colour] = {
    "almond": (176, 112, 58), "apple": (112, 168, 48), "banana": (244, 200, 48),
    "bean": (120, 58, 40), "beetroot": (142, 28, 78), "broccoli": (60, 128, 60),
    "butter": (246, 210, 96), "carrot": (240, 124, 32), "cheese": (248, 186, 44),
    "cherry": (176, 16, 44), "chicken": (214, 150, 84), "chocolate": (92, 52, 34),
    "coconut": (120, 190, 196), "coffee": (84, 50, 36), "drop": (58, 134, 204),
    "fish": (76, 128, 168), "flower": (206, 120, 176), "garlic": (178, 158, 186),
    "ginger": (206, 152, 74), "grain": (216, 164, 66), "grapes": (106, 60, 140),
    "honey": (240, 162, 24), "kiwi": (126, 160, 40), "leaf": (54, 138, 72),
    "leek": (110, 164, 84), "lemon": (250, 214, 40), "lime": (134, 190, 48),
    "mango": (250, 160, 40), "mushroom": (160, 126, 98), "olive": (112, 122, 44),
    "onion": (150, 62, 112), "orange": (246, 136, 24), "peach": (246, 154, 110),
    "peanut": (206, 146, 78), "pear": (182, 188, 60), "pepper": (206, 48, 36),
    "plum": (104, 44, 108), "potato": (204, 168, 104), "rice": (150, 190, 210),
    "salt": (96, 150, 196), "strawberry": (222, 40, 62), "tomato": (220, 56, 38),
}  # fmt: skip


def _flavours(text: str) -> tuple[Flavour, ...]:
    """Parses "words:motif:#rrggbb, ..." where the motif and the colour may be left out."""
    return tuple(_flavour(item.strip()) for item in text.split(","))


def _flavour(item: str) -> Flavour:
    words, motif, code = [*item.split(":"), "", ""][:3]
    motif = motif or words
    accent = ACCENTS[motif]
    if code:
        accent = (int(code[1:3], 16), int(code[3:5], 16), int(code[5:7], 16))
    return Flavour(words, motif, accent)


LINES: tuple[Line, ...] = (
    Line("milk", "Food > Dairy > Milk", ("carton", "bottle"), _flavours(
        "oat:grain, soy:bean:#7f9f4a, almond, coconut, whole:drop, skimmed:drop:#d05a7a")),
    Line("juice", "Food > Drinks > Juice", ("carton", "bottle"), _flavours(
        "orange, apple, mango, pear, cherry, carrot, lemon, passion fruit:grapes, peach")),
    Line("jam", "Food > Breakfast > Jam", ("jar",), _flavours(
        "strawberry, cherry, peach, plum, orange, kiwi, passion fruit:grapes")),
    Line("tea", "Food > Drinks > Tea", ("box",), _flavours(
        "green:leaf, black:leaf:#3a3a40, lemon, ginger, peach, floral:flower")),
    Line("chocolate", "Food > Sweets > Chocolate", ("bar",), _flavours(
        "dark:chocolate, milk:drop:#4f8fd0, white:chocolate:#e6d3a8, orange, almond, strawberry")),
    Line("yogurt", "Food > Dairy > Yogurt", ("cup",), _flavours(
        "greek:olive:#2f66b0, natural:drop, strawberry, peach, cherry, mango, coconut, lemon")),
    Line("soup", "Food > Ready > Soup", ("can", "pouch"), _flavours(
        "tomato, mushroom, carrot, leek, chicken, potato, onion, broccoli, beetroot")),
    Line("coffee", "Food > Drinks > Coffee", ("pouch", "jar"), _flavours(
        "classic:coffee, dark:coffee:#24242c, soft:coffee:#d2a070, rich:coffee:#9c2f2a, "
        "organic:coffee:#4f8a4a")),
    Line("crisps", "Food > Snacks > Crisps", ("bag",), _flavours(
        "salted:potato:#3f74b8, onion, cheese, pepper, sour cream:leek, spicy:pepper:#e05a1c")),
    Line("biscuits", "Food > Snacks > Biscuits", ("box", "pouch"), _flavours(
        "butter, chocolate, ginger, lemon, oat:grain, coconut, honey")),
    Line("cookies", "Food > Snacks > Cookies", ("tub", "box"), _flavours(
        "chocolate, peanut, coconut, banana, almond, orange")),
    Line("pasta", "Food > Pantry > Pasta", ("bag", "box"), _flavours(
        "classic:grain:#2f62a8, spinach:leaf, tomato, whole grain:grain:#9a6a38, beetroot")),
    Line("sauce", "Food > Pantry > Sauce", ("bottle", "jar"), _flavours(
        "tomato, pepper, garlic, mushroom, soy:bean, mango, spicy:pepper:#e0641c")),
    Line("oil", "Food > Pantry > Oil", ("bottle",), _flavours(
        "olive, lemon, garlic, coconut, almond, pepper")),
    Line("beans", "Food > Pantry > Beans", ("can", "pouch"), _flavours(
        "black:bean:#33333c, white:bean:#d8ccb0, red:bean:#b0342c, green:bean:#5f9a48")),
    Line("cereal", "Food > Breakfast > Cereal", ("box",), _flavours(
        "chocolate, honey, strawberry, oat:grain, banana, apple, almond")),
    Line("rice", "Food > Pantry > Rice", ("bag", "box"), _flavours(
        "brown:grain:#95673a, white:rice, black:grain:#3b3b46, golden:grain")),
    Line("cream", "Food > Pantry > Cream", ("tube",), _flavours(
        "garlic, pepper, onion, lemon, almond, tomato, olive")),
    Line("water", "Food > Drinks > Water", ("bottle", "can"), _flavours(
        "lemon, lime, cherry, plain:drop, cucumber:leaf, peach, orange")),
    Line("ice cream", "Food > Frozen > Ice cream", ("tub",), _flavours(
        "strawberry, chocolate, mango, coconut, coffee, honey, lemon, cherry")),
    Line("butter", "Food > Breakfast > Butter", ("jar", "tub"), _flavours(
        "peanut, almond, coconut, salted:salt, unsalted:butter")),
    Line("nuts", "Food > Snacks > Nuts", ("pouch", "can"), _flavours(
        "salted:peanut:#3f74b8, roasted:almond:#a04a20, honey, spicy:pepper, plain:peanut")),
    Line("tuna", "Food > Pantry > Tuna", ("tin",), _flavours(
        "classic:fish, spicy:pepper, lemon, olive oil:olive, tomato")),
    Line("honey", "Food > Breakfast > Honey", ("jar",), _flavours(
        "golden:honey, floral:flower, dark:honey:#8a4a12, lemon, ginger")),
    Line("flour", "Food > Pantry > Flour", ("bag",), _flavours(
        "white:grain:#4a7fc0, whole grain:grain:#8a5a30, rice, oat:grain:#6f9a50, coconut")),
    Line("pizza", "Food > Frozen > Pizza", ("box",), _flavours(
        "cheese, tomato, mushroom, ham:chicken:#e08a94, spinach:leaf, tuna:fish")),
)  # fmt: skip

BRANDS: tuple[str, ...] = (
    "Good Life", "Royal Table", "Green Basket", "Local Farms", "First Light", "Old Bakery",
    "Blue Window", "Golden Touch", "Sweet Garden", "Nice Day", "Pure Sea", "Great Shelf",
    "Little Leek", "Summer Kiosk", "Real Cup", "Best Friday",
    "Two Pears", "Big Apple", "Natural Way", "Red Umbrella", "Top Table", "Warm Bread",
)  # fmt: skip

ADJECTIVES: tuple[str, ...] = (
    "organic", "fresh", "classic", "sweet", "rich", "royal", "golden", "real", "natural", "local",
)  # fmt: skip

CLAIMS: tuple[str, ...] = (
    "no added sugar", "less sugar", "more protein", "low fat", "high fibre", "no lactose",
    "no gluten", "a rich taste", "natural colour", "a new recipe", "real fruit", "whole grain",
    "from italy", "from spain", "from france", "from local farms", "vegan", "gluten free",
    "best seller", "limited edition", "ready to eat", "good for breakfast",
)  # fmt: skip
