"""How dates are written where a page does not say otherwise, such as in the admin: with the zone,
so that nobody has to guess it."""

DATE_FORMAT = "j M Y"
DATETIME_FORMAT = "j M Y, H:i T"
SHORT_DATETIME_FORMAT = DATETIME_FORMAT
TIME_FORMAT = "H:i"
