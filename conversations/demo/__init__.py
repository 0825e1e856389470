"""`make demo`: the whole product on one machine, with nothing installed beside Python."""
