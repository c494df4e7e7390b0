"""What devices write into descriptions and comments instead of codes: the words, and what each means. Data, no code.

A word is written in small letters without accents and counts as a whole word; with * at its end, as the beginning of
one. Where: ANY image; DENTAL: modality IO or PX, the intraoral classes, a jaw as body part, or a dental word beside it;
INTRAORAL: modality IO or those classes; ANIMAL: the image names a species. How texts are read: anatomy_text.py.
"""

from typing import Final, NamedTuple

ANY: Final = "any"
DENTAL: Final = "dental"
INTRAORAL: Final = "intraoral"
ANIMAL: Final = "animal"


class Rule(NamedTuple):
    """`words` mean `answer` in images of the kind `where`; those of ANY that are `dental` make an image dental."""

    answer: str
    where: str
    words: str
    dental: bool = True


VIEWS: Final = (
    Rule("Full mouth series", ANY, "fmx, full mouth, full-mouth, zahnstatus, rontgenstatus, roentgenstatus"),
    Rule("Bitewing", ANY, "bitewing*, bite-wing*, bite wing*, bissflugel*, bissfluegel*, bissfl*, retrocoronaire*"),
    Rule("Bitewing", DENTAL, "bw, bws, bwx, hbw, vbw, bwl, bwr, lbw, rbw, interproximal*, aleta*, retro-coronaire*"),
    Rule("Periapical", ANY, "periapical*, peri-apical*, zahnfilm*, einzelzahn*, retroalveolaire*, retro-alveolaire*"),
    Rule("Periapical", INTRAORAL, "pa, pas, peri, parallel"),
    Rule("Occlusal", ANY, "occlusal*, okklusal*, oclusal*, aufbiss*"),
    Rule("Panoramic", ANY, "panoramic*, panoramique*, panorama*, pano, opg, orthopantomo*, ortopantomo*"),
    Rule("Panoramic", DENTAL, "pan, opt, dpt, psa"),
    Rule("Cephalometric", ANY, "ceph, cephalo*, fernrontgen*, fernroentgen*, teleradiograph*, telerontgen*, frs"),
    Rule("Ventrodorsal", ANIMAL, "vd, ventrodorsal*, ventro-dorsal*", dental=False),
    Rule("Dorsoventral", ANIMAL, "dv, dorsoventral*, dorso-ventral*", dental=False),
    Rule("Right lateral", ANIMAL, "right lateral, rechts lateral, rechts laterolateral, rlat, latr", dental=False),
    Rule("Left lateral", ANIMAL, "left lateral, links lateral, links laterolateral, llat, latl", dental=False),
)
REGIONS: Final = (
    Rule("Maxilla", ANY, "maxilla*, oberkiefer*, upper jaw", dental=False),
    Rule("Mandible", ANY, "mandib*, unterkiefer*, lower jaw", dental=False),
    Rule("Temporomandibular joint", ANY, "tmj, kiefergelenk*, temporomandibular*", dental=False),
    Rule("Maxilla", DENTAL, "upper, oben, ur, ul"),
    Rule("Mandible", DENTAL, "lower, unten, lr, ll"),
)
SIDES: Final = (
    Rule("R", DENTAL, "right, rechts, droit, droite, derecha, derecho, destra, ur, lr, bwr, rbw"),
    Rule("L", DENTAL, "left, links, gauche, izquierda, izquierdo, sinistra, ul, ll, bwl, lbw"),
    Rule("B", DENTAL, "both sides, beidseits, beidseitig, bilateral*"),
)
SIDES_BESIDE_A_VIEW: Final = {"r": "R", "re": "R", "rt": "R", "l": "L", "li": "L", "lt": "L"}  # "BW L", "BW re"

# Before the FDI numbers of teeth. After a plural a lone number up to 32 is how many there are.
TOOTH_WORDS: Final = "tooth, zahn, dent, diente, pieza, dente, tand, zub, regio, fdi"
TEETH_WORDS: Final = "teeth, zahne, zaehne, zahnen, dents, dientes, piezas, denti, dentes, tanden"
DENTAL_WORDS: Final = "dental*, intraoral*, endo*, implant*"
# Before a number that is none of a tooth: "image #3"
COUNTED_WORDS: Final = (
    "image, images, img, bild, bilder, aufnahme, film, exposure, series, serie, scan, picture, photo, no, nr, "
    "exam, case, room, sensor, plate, folie, grosse, size, visit, step, version, take"
)
UNITS: Final = (
    "kv, kvp, ma, mas, ms, s, sec, mm, cm, ym, um, gy, mgy, bit, px, dpi, years, jahre, images, bilder, of, von, x"
)
# A lone number up to this after a view ("Periapical 14") may count the images of a full mouth series.
LONGEST_SERIES: Final = 28

LONGEST_RUN: Final = 8  # teeth from one to another ("13-23") that one image shows
VIEWS_OF_TEETH: Final = frozenset({"Bitewing", "Periapical", "Occlusal"})  # after these FDI numbers may stand alone
COUNTED_VIEWS: Final = frozenset(
    {"Bitewing", "Panoramic", "Full mouth series", "Cephalometric"}
)  # "BW #1" is the first

# Attributes that are read, in this order; the first that says something counts. A study's description is of all of
# its images, so it says nothing of the teeth or the side of one.
EVERYTHING: Final = frozenset({"teeth", "view", "region", "laterality"})
ATTRIBUTES: Final = (
    ("ImageComments", EVERYTHING),
    ("SeriesDescription", EVERYTHING),
    ("ProtocolName", EVERYTHING),
    ("AcquisitionDeviceProcessingDescription", EVERYTHING),
    ("ViewPosition", frozenset({"teeth", "laterality"})),
    ("BodyPartExamined", frozenset({"teeth", "view", "laterality"})),
    ("StudyDescription", frozenset({"view", "region"})),
)
# Modalities whose words are read: the slices of a volume say nothing of teeth, and there are many of them.
MODALITIES: Final = frozenset({"IO", "PX", "DX", "CR", "RG", "XA", "RF", "XC", "GP", "ES", "OT", ""})
LONGEST_TEXT: Final = 300  # characters that are read of one
DENTAL_MODALITIES: Final = frozenset({"IO", "PX"})
INTRAORAL_CLASSES: Final = frozenset({"1.2.840.10008.5.1.4.1.1.1.3", "1.2.840.10008.5.1.4.1.1.1.3.1"})
DENTAL_BODY_PARTS: Final = frozenset({"JAW", "MAXILLA", "MANDIBLE", "TEETH", "TOOTH", "DENTAL", "MOUTH"})
