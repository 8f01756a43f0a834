"""The material class of each of TACO's 60 categories.

The table is in the order of TACO's ids (0 to 59) and with TACO's spelling. A category without a
counterpart on the sorting belt is None: it is *ignored* under the material task, because labelling
a glass bottle as background would teach that it is not waste. Cans, foil and metal lids are
aluminium (the belt's class contains light metal, and TACO does not distinguish steel from
aluminium); cartons and paper cups are paper; only plastic bottles are bottles; film, bags and
wrappers are nylon. Blister packs mix aluminium with plastic and have no counterpart.
"""

from __future__ import annotations

from typing import Final

MATERIAL_OF: Final[dict[str, str | None]] = {
    "Aluminium foil": "aluminium",
    "Battery": None,
    "Aluminium blister pack": None,
    "Carded blister pack": None,
    "Other plastic bottle": "bottle",
    "Clear plastic bottle": "bottle",
    "Glass bottle": None,
    "Plastic bottle cap": None,
    "Metal bottle cap": "aluminium",
    "Broken glass": None,
    "Food Can": "aluminium",
    "Aerosol": "aluminium",
    "Drink can": "aluminium",
    "Toilet tube": "paper",
    "Other carton": "paper",
    "Egg carton": "paper",
    "Drink carton": "paper",
    "Corrugated carton": "paper",
    "Meal carton": "paper",
    "Pizza box": "paper",
    "Paper cup": "paper",
    "Disposable plastic cup": None,
    "Foam cup": None,
    "Glass cup": None,
    "Other plastic cup": None,
    "Food waste": None,
    "Glass jar": None,
    "Plastic lid": None,
    "Metal lid": "aluminium",
    "Other plastic": None,
    "Magazine paper": "paper",
    "Tissues": "paper",
    "Wrapping paper": "paper",
    "Normal paper": "paper",
    "Paper bag": "paper",
    "Plastified paper bag": "paper",
    "Plastic film": "nylon",
    "Six pack rings": "nylon",
    "Garbage bag": "nylon",
    "Other plastic wrapper": "nylon",
    "Single-use carrier bag": "nylon",
    "Polypropylene bag": "nylon",
    "Crisp packet": "nylon",
    "Spread tub": None,
    "Tupperware": None,
    "Disposable food container": None,
    "Foam food container": None,
    "Other plastic container": None,
    "Plastic glooves": None,
    "Plastic utensils": None,
    "Pop tab": "aluminium",
    "Rope & strings": None,
    "Scrap metal": "aluminium",
    "Shoe": None,
    "Squeezable tube": None,
    "Plastic straw": None,
    "Paper straw": "paper",
    "Styrofoam piece": None,
    "Unlabeled litter": None,
    "Cigarette": None,
}
"""TACO's category name -> class name of the material task, or None without counterpart."""
