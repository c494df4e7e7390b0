"""The command line: `dicom-gateway`. Commands parse, call and print; no logic lives here.

`main` is what the program begins with: it imports the rest itself, so that Ctrl-C is answered from the first moment.
"""

import gc
import signal
import sys
from typing import Any

INTERRUPTED = 130  # 128 and the number of SIGINT, as shells say it


def main() -> None:
    """Run the command line; Ctrl-C ends it with code 130 and without a traceback."""
    gc.disable()  # modules make no garbage while they are loaded; root.py enables it for the command
    interrupts: list[int] = []  # click makes 1 of an interrupt, as of any failure

    def interrupt(number: int, frame: Any) -> None:
        interrupts.append(number)
        raise KeyboardInterrupt

    try:
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # a role that starts ignores it
            signal.signal(signal.SIGINT, interrupt)
        from dicom_gateway.cli.root import main as run

        run()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except SystemExit as ended:
        sys.exit(INTERRUPTED if interrupts else ended.code)
