"""The words that the bundled speech model can hear.

Titles and narrations use these words only, so that a spoken product name is never lost to a word
the recogniser does not know.
"""

from __future__ import annotations

_LIST = """
a add added aisle all almond almonds also an and any apple apples are as asparagus at available
avocado back backpack bag bags bakery banana bananas basket beans beef beetroot before beige
belt belts best better big biscuits black blouse blue boots bottle box brand bread breakfast
broccoli brown buckle but butter buy by c cabbage cake calcium calories camera can cancel canvas
cap cardigan carrot carrots cart cents cereal cheap checkout cheese cherries cherry chicken
chocolate classic close coat coats coconut coffee colour come comes confirm cookies costs cotton
could counter cream crisps cucumber customer customers d dairy dark delete delicious denim
discount display do does down dress dresses dried each earrings easy eat edition eggs eight
eighteen eighty eleven entrance euro euros every everyone farms fat fibre fifteen fifty find
first fish fitting five floor floral flour for forty four fourteen france free freezer fresh
friday fridge from front frozen fruit gala garlic get gift ginger gloves gluten go gold golden
good goodbye grain gram grams granny grapes great greek green grey ground had half ham handbag
handbags has hat hats have he heavy heels hello help here high honey hoodie how hundred i ice in
is it italy item its jacket jackets jam jar jeans juice just kilo kiosk kiwi label lactose lady
large leather leek left lemon lemons lentils less lettuce life light like lime limes limited
linen lining litre local long look louder low made make mango mangoes many me medium melon menu
milk more most much mushroom mushrooms my natural navy necklace need new next nice nine nineteen
ninety no not now nuts oat of off oh oil okay old olive on one onion onions online only open or
orange organic other our out pack packet passion pasta pause peach peanut pear pears pepper
peppers per percent perfect picture piece pieces pink pizza plain plastic play please plum
pocket pockets polo popular pork potato potatoes pound pounds previous price product protein
purple put pyjamas rain raw ready real recipe recording recycled red remove repeat rice rich
right ring ripe roasted room royal running salads sale salmon salt salted sandals sauce sausage
save scarf sea search second section see seller seven seventeen seventy she shelf shirt shirts
shoes shop short shorts show silk six sixteen sixty size sizes skimmed skirt skirts slim small
smith smoked sneakers socks soft sold some soup sour soy spain spicy spinach start stock stop
store strap strawberries strawberry striped suede sugar suit summer sunglasses sweater sweet
table take taste tea tell ten than thank that the their then there these they thirteen thirty
this those three tie to today tofu tomato tomatoes tomorrow top touch trainers trousers try tuna
turn twelve twenty two umbrella unsalted up vegan vegetable very video vitamin volume wallet
want warm warranty was wash watch water waterproof we welcome what when where which white who
whole wide will window winter with without wool woolen would year yellow yes yogurt you your
zero zip zoom zucchini
"""

WORDS: frozenset[str] = frozenset(_LIST.split())


def unknown_words(text: str) -> tuple[str, ...]:
    """The words of `text` (any case, split at white space) that the speech model does not know."""
    return tuple(word for word in text.lower().split() if word not in WORDS)
