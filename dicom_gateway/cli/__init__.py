"""The command line: `dicom-gateway`. Commands parse, call and print; no logic lives here.

`main` is what the program begins with: it imports the rest itself, so that Ctrl-C is answered from the first moment.
"""

import sys

INTERRUPTED = 130  # 128 and the number of SIGINT, as shells say it


def main() -> None:
    """Run the command line; Ctrl-C ends it with code 130 and without a traceback."""
    try:
        from click import Abort

        from dicom_gateway.cli.root import main as run

        try:
            run()
        except SystemExit as ended:
            if isinstance(ended.__context__, Abort):  # what click makes of an interrupt
                sys.exit(INTERRUPTED)
            raise
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
