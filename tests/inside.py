"""Commands of the program in this process, ended as `main` ends them: a process of their own costs half a second of
imports. Not for what leaves a signal handler, a log or a socket behind."""

import os
import subprocess
from collections.abc import Mapping
from contextlib import chdir
from pathlib import Path
from unittest.mock import patch

from click.testing import CliRunner

from dicom_gateway.cli.root import main


def run_inside(
    arguments: list[str], environment: Mapping[str, str], text: str | None = None, folder: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command with the gateway's variables of `environment` and no others, in a folder; return its end."""
    before = os.umask(0)
    os.umask(before)
    variables: dict[str, str | None] = {name: None for name in os.environ if name.startswith("DICOM_GATEWAY_")}
    variables |= {name: value for name, value in environment.items() if name.startswith("DICOM_GATEWAY_")}
    code = 0
    with CliRunner().isolation(text, variables) as (out, err, _):
        try:
            with patch("sys.argv", ["dicom-gateway", *arguments]), chdir(folder or Path.cwd()):
                main()
        except SystemExit as ended:
            code = int(ended.code or 0)
        finally:
            os.umask(before)
    return subprocess.CompletedProcess(arguments, code, out.getvalue().decode(), err.getvalue().decode())
