"""Species and breed registries of animals: words that people write, and their codes (PS3.16 CID 7454, CID 7481).

The codes are those of pydicom's dictionary (a test holds the two together), kept here because loading the dictionary
takes 50 ms and 15 MB. A word that is not in these tables has no code: it is served as the description, never guessed.
CID 7454 has no birds and no reptiles. Breeds are in breeds.py.
"""

import re
import unicodedata
from typing import Final

from dicom_gateway.core.model import Code

# code value, coding scheme, meaning, further words: everyday English, then other languages of practices
_SPECIES: Final = (
    ("388168008", "SCT", "Bos", ""),
    ("34618005", "SCT", "Bos taurus", "cattle, cow, bovine, Rind, Kuh, vache, bovin, vaca"),
    ("107007004", "SCT", "Bovinae", ""),
    ("406733009", "SCT", "Callithrix jacchus", "marmoset, common marmoset"),
    ("388490000", "SCT", "Canis", ""),
    ("36855005", "SCT", "Canis lupus", "wolf, grey wolf, gray wolf"),
    ("448771007", "SCT", "Canis lupus familiaris", "dog, canine, Canis familiaris, Hund, chien, perro, cane"),
    ("388249000", "SCT", "Capra", ""),
    ("125097000", "SCT", "Capra hircus", "goat, caprine, Ziege, chèvre, cabra"),
    ("125076001", "SCT", "Cavia porcellus", "guinea pig, Meerschweinchen, cochon d'Inde, cobaya"),
    ("388445009", "SCT", "Equus", ""),
    ("35354009", "SCT", "Equus caballus", "horse, equine, pony, Pferd, cheval, caballo, cavallo"),
    ("388626009", "SCT", "Felis", ""),
    ("448169003", "SCT", "Felis catus", "cat, feline, Katze, chat, gato, gatto"),
    ("337915000", "SCT", "Homo sapiens", "human, Mensch"),
    ("447482001", "SCT", "Mus genus", ""),
    ("447612001", "SCT", "Mus musculus", "mouse, house mouse, Maus, souris"),
    ("449310008", "SCT", "Mustela putorius furo", "ferret, Frettchen, furet, hurón"),
    ("36571002", "SCT", "Oryctolagus cuniculus", "rabbit, Kaninchen, lapin, conejo"),
    ("388254009", "SCT", "Ovis", ""),
    ("125099002", "SCT", "Ovis aries", "sheep, ovine, Schaf, mouton, oveja"),
    ("180278", "ITIS_TSN", "Peromyscus leucopus", ""),
    ("180276", "ITIS_TSN", "Peromyscus maniculatus", ""),
    ("371564000", "SCT", "Rattus", ""),
    ("371565004", "SCT", "Rattus norvegicus", "rat, Ratte"),
    ("180346", "ITIS_TSN", "Sigmodon genus", ""),
    ("388393002", "SCT", "Sus", ""),
    ("78678003", "SCT", "Sus scrofa", "pig, porcine, swine, Schwein, porc, cerdo"),
)
# PS3.16 CID 7481, scheme DCM; abbreviations only where they mean one registry (CKC is two)
_REGISTRIES: Final = (
    ("109200", "America Kennel Club", "American Kennel Club, AKC"),
    ("109201", "America's Pet Registry Inc.", "APRI"),
    ("109202", "American Canine Association", ""),
    ("109203", "American Purebred Registry", ""),
    ("109204", "American Rare Breed Association", "ARBA"),
    ("109205", "Animal Registry Unlimited", ""),
    ("109206", "Animal Research Foundation", ""),
    ("109207", "Canadian Border Collie Association", ""),
    ("109208", "Canadian Kennel Club", ""),
    ("109209", "Canadian Livestock Records Association", ""),
    ("109210", "Canine Federation of Canada", ""),
    ("109211", "Continental Kennel Club", ""),
    ("109212", "Dog Registry of America", ""),
    ("109213", "Federation of International Canines", ""),
    ("109214", "International Progressive Dog Breeders' Alliance", ""),
    ("109215", "National Kennel Club", ""),
    ("109216", "North American Purebred Dog Registry", "NAPDR"),
    ("109217", "United All Breed Registry", ""),
    ("109218", "United Kennel Club", "UKC"),
    ("109219", "Universal Kennel Club International", ""),
    ("109220", "Working Canine Association of Canada", ""),
    ("109221", "World Kennel Club", ""),
    ("109222", "World Wide Kennel Club", ""),
)
_PARTS: Final = re.compile(r"[()/,;|]| - ")


def squash(text: str) -> str:
    """Return the letters and digits of a text without case and accents: what is compared."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in plain if letter.isalnum())


def _by_word(code: Code, others: str) -> dict[str, Code]:
    words = (code.value, code.meaning, *filter(None, others.split(",")))
    return {squash(word): code for word in words}


SPECIES: Final = tuple(Code(value, scheme, meaning) for value, scheme, meaning, _ in _SPECIES)
REGISTRIES: Final = tuple(Code(value, "DCM", meaning) for value, meaning, _ in _REGISTRIES)
_SPECIES_OF: Final = {
    word: code for code, row in zip(SPECIES, _SPECIES, strict=True) for word, code in _by_word(code, row[3]).items()
}
_REGISTRY_OF: Final = {
    word: code
    for code, row in zip(REGISTRIES, _REGISTRIES, strict=True)
    for word, code in _by_word(code, row[2]).items()
}


def species_code(text: str) -> Code | None:
    """Return the code of a species: by an everyday word, its scientific name or its code value; None if unknown.

    A text of several parts ("Canine (dog)") has a code when every part means the same species.
    """
    found = {_SPECIES_OF.get(squash(part)) for part in _PARTS.split(text) if squash(part)}
    return found.pop() if len(found) == 1 else None


def registry_code(text: str) -> Code | None:
    """Return the code of a breed registry: by its name, its abbreviation or its code value; None if unknown."""
    return _REGISTRY_OF.get(squash(text))
