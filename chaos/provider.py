"""How the simulated provider behaves in a run: the ways of its receipts, and the faults that it is given."""

from typing import Final

RECEIPTS: Final = (
    {"steps": [{"status": "failed", "after": 0.02}], "probability": 0.15},
    {"steps": [{"status": "sent", "after": 0.02}, {"status": "delivered", "after": 0.05}], "probability": 0.4},
    {"steps": [{"status": "delivered"}, {"status": "stop", "after": 0.1, "message": "BAJA"}], "probability": 0.05},
)
CALLBACK_FAULTS: Final = (
    {"kind": "callback_duplicated", "probability": 0.1},
    {"kind": "callback_reordered", "probability": 0.1},
    {"kind": "callback_before_answer", "probability": 0.1},
    {"kind": "callback_lost", "probability": 0.05},
)
WINDOW: Final = 1.0  # seconds: what a 429 makes an account wait
SLOW: Final = {"kind": "slow", "seconds": 1.0, "times": 12}  # accepted at once, and answered when the caller is dead
FAULTS: Final = (
    {"kind": "drop_after", "probability": 0.01},
    {"kind": "drop_before", "probability": 0.01},
    {"kind": "status", "status": 500, "probability": 0.01},
    {"kind": "status", "status": 429, "probability": 0.01, "seconds": 1},
    {"kind": "status_after", "probability": 0.01},
    {"kind": "field_error", "probability": 0.01},
    {"kind": "cut", "probability": 0.01},
    {"kind": "slow", "probability": 0.02, "seconds": 0.2},
)
