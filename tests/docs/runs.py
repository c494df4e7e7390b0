"""Which command of the pages is run how: what is said there, what is typed for it, what it must print.

The tables are typed from top to bottom, in this order, beside one running gateway. A command that is not run in full
stands in NOT_RUN with its reason.
"""

from dataclasses import dataclass

CALLED = "-aet DX1 -aec DCMGATEWAY -to 30 -v -d"
STEP = "ScheduledProcedureStepSequence[0]"
LISTED = (
    "orders list [--status --date --device --modality --patient-id --accession-number --placer-order-number --source"
    " --limit]"
)


@dataclass(frozen=True, slots=True)
class Run:
    """`said` on a page; `typed` in its place where it has what only a reader can fill in.

    `prints` must be found in its output; its first group stands for the word `keeps` in later commands.
    """

    said: str
    typed: str = ""
    prints: str = ""
    keeps: str = ""


# docs/operations.md: before the gateway is started.
MADE = (Run("dicom-gateway init /srv/dicom-gateway", prints=r"First token +dgw_|kept in .*admin\.token"),)

ORDERS = (
    Run("orders add [FILE]", "dicom-gateway orders add sample_data/order.json", r'^  "id": "([^"]+)"', "ORDER_ID"),
    Run("orders show ORDER_ID", "dicom-gateway orders show ORDER_ID > order.json; cat order.json", '"A-1001"'),
    Run("orders import FILE", "dicom-gateway orders import sample_data/orders.csv", "^3 taken, 0 refused$"),
    Run(
        "dicom-gateway [--config FILE] COMMAND",
        "unset DICOM_GATEWAY_CONFIG; dicom-gateway --config /srv/dicom-gateway/gateway.toml orders list",
        r"^(\S+)\tSCHEDULED\t\S+\tB-2001\t", "CANCELLED_ID",
    ),
    Run(
        LISTED,
        "dicom-gateway orders list --modality IO", r"^\S+\tSCHEDULED\t(\S+)\tB-2002\t", "ACCESSION",
    ),
    Run("orders cancel ORDER_ID", "dicom-gateway orders cancel CANCELLED_ID", "CANCELED$"),
    Run(
        LISTED,
        "dicom-gateway orders list --status SCHEDULED --date 2026-11-23 --device SENSOR1 --modality IO "
        " --patient-id P-91 --accession-number ACCESSION --placer-order-number B-2002 --source mypms --limit 5",
        r"\A(\S+)\tSCHEDULED\t\S+\tB-2002\t[^\n]*\n\Z", "BITEWINGS_ID",
    ),
    Run("worklist --device AET [--date --json]", "dicom-gateway worklist --device DX1", r"\tDoe\^Rex\t"),
    Run(
        "worklist --device AET [--date --json]",
        "dicom-gateway worklist --device DX1 --date 2026-11-23 --json",
        r'"PatientName": "Doe\^Rex"',
    ),
    Run(
        "hl7 explain FILE [--source]",
        "dicom-gateway hl7 explain sample_data/hl7/orm_dental.hl7 --source default", r"^would be: order A-20931: ",
    ),
    Run(
        "dicom-gateway hl7 explain sample_data/hl7/vetera_order.hl7 --source vetera",
        prints=r"^patient\.species\tHund\tPID-35\t",
    ),
    Run(
        "patients merge OLD_ID SURVIVOR_ID [--issuer --source]",
        "dicom-gateway patients merge P-91 P-93 --issuer MYPMS --source mypms",
        "^merge 1: 1 order changed$",
    ),
    Run("patients merges [--limit --json]", "dicom-gateway patients merges", r"^1\tP-91\tP-93\tMYPMS\tmerge\t"),
    Run("patients unmerge MERGE_ID", "dicom-gateway patients unmerge 1", "^merge 1 undone: 1 order changed$"),
    Run(
        "patients merges [--limit --json]",
        "dicom-gateway patients merges --limit 1 --json",
        '"undone_at": "',
    ),
    Run(
        "worklist explain ORDER --device AET [--json]",
        "dicom-gateway worklist explain A-1001 --device DX1",
        "is not on it: DX1 has never called this gateway$",
    ),
)  # fmt: skip

DEVICE = (
    Run(
        "echo [-aet -aec -to -v -d --json] HOST PORT",
        f"dicom-gateway echo {CALLED} --json localhost 11112", '"status": "0000"'),
    Run("echoscu HOST 11112", "echoscu localhost 11112"),
    Run(
        "findscu -W -aet DX1 -k PatientName HOST 11112",
        "findscu -W -aet DX1 -k PatientName localhost 11112",
        r"PN \[Doe\^Rex *\]",
    ),
    Run(
        'dicom-gateway find -W -aet DX1 -k "PatientName=D*" -k "ScheduledProcedureStepSequence[0].Modality=DX"'
        " localhost 11112",
        prints=r"Doe\^Rex",
    ),
    Run(
        "find -W [-aet -aec -to -v -d -k --json] HOST PORT",
        f"dicom-gateway find -W {CALLED} -k PatientID=P-91 -k {STEP}.Modality --json localhost 11112",
        '"Modality": "IO"',
    ),
    Run("find --json", "dicom-gateway find --json localhost 11112", r'"PatientName": "Doe\^Rex"'),
    Run("make_images.py ORDER FOLDER", "python sample_data/make_images.py order.json images", "image2.dcm"),
    Run(
        "dicom-gateway mpps create -aet DX1 --from-order ORDER_ID localhost 11112",
        prints=r"^(2\.25\.\d+)$", keeps="UID",
    ),
    Run("dicom-gateway store -aet DX1 localhost 11112 images/"),
    Run("dicom-gateway mpps complete -aet DX1 --image images/ localhost 11112 UID"),
    Run("orders show ORDER_ID", "dicom-gateway orders show ORDER_ID", '^  "status": "COMPLETED"'),
    Run(
        "generate.py FOLDER [--only NAME ...] [--order FILE] [--seed NUMBER]",
        "dicom-gateway orders show BITEWINGS_ID > bitewings.json;"
        " python sample_data/generate.py synthetic --only bitewings --order bitewings.json --seed 7",
        "^2 files, ",
    ),
    Run(
        'curl -fsS http://127.0.0.1:8080/api/v1/orders/batch -H "Authorization: Bearer $TOKEN"'
        ' -H "Content-Type: application/json" -d @sample_data/orders.json',
        'TOKEN="$(cat /srv/dicom-gateway/data/admin.token)"; curl -fsS'
        ' "http://127.0.0.1:$DICOM_GATEWAY_WEB__PORT/api/v1/orders/batch" -H "Authorization: Bearer $TOKEN"'
        ' -H "Content-Type: application/json" -d @sample_data/orders.json',
        "SAMPLE-THORAX",
    ),
    Run(
        ".venv/bin/python sample_data/generate.py synthetic",
        "python sample_data/generate.py samples --only thorax", r"^samples/thorax/",
    ),
    Run(
        ".venv/bin/dicom-gateway store -aet DX1 127.0.0.1 11112 synthetic/thorax",
        "dicom-gateway store -aet DX1 127.0.0.1 11112 samples/thorax", "^2 stored, 0 not$",
    ),
    Run(
        ".venv/bin/dicom-gateway --config gateway-data/gateway.toml studies list",
        "dicom-gateway studies list", r"\tDX\t2\t.*\tSD-0005\t",
    ),
)  # fmt: skip

_FIELDS = (
    "[--host --port --modality --from --service --character-set --unencodable --station-name --animal-names"
    " --sends-mpps --hides-started --quiet-seconds --incomplete-after-seconds --associations --object-mb"
    " --stock-association]"
)
_GIVEN = (
    "--host localhost --port 11112 --modality PX --modality DX --from 192.168.1.0/24 --service worklist --service mpps"
    " --character-set 'ISO_IR 100' --unencodable refuse --station-name 'Room 2' --animal-names animal^owner"
    " --no-sends-mpps --hides-started --quiet-seconds 30 --incomplete-after-seconds 300 --associations 2"
    " --object-mb 500 --no-stock-association"
)
_ADDED = "dicom-gateway devices add PANO1 --modality PX --from 192.168.1.21 --host 192.168.1.21 --port 104"
_REFUSED = (
    "! echoscu -aet PANO1 localhost 11112;"
    " until dicom-gateway devices unknown | grep PANO1; do :; done"  # it is recorded after the answer
)
# PANO1 may not call from here until it is approved; the gateway itself is what it is called as.
DEVICES = (
    Run(f"devices add AE_TITLE {_FIELDS}", f"dicom-gateway devices add PANO2 {_GIVEN}", "^added PANO2;"),
    Run(_ADDED, prints="^added PANO1;"),
    Run("dicom-gateway devices sheet PANO1", prints=r"Modality +PX$"),
    Run("dicom-gateway devices sheet DX1", prints=r"AE title +DCMGATEWAY$"),
    Run("devices sheet AE_TITLE [--json]", "dicom-gateway devices sheet PANO1 --json", '"worklist_keys"'),
    Run(
        f"devices edit AE_TITLE {_FIELDS}",
        f"dicom-gateway devices edit PANO1 {_GIVEN} --no-stock-association", "^changed PANO1$",
    ),
    Run("dicom-gateway devices echo PANO1", prints=r"^PANO1 at localhost:\d+ answered: "),
    Run("devices echo AE_TITLE [--json]", "dicom-gateway devices echo PANO1 --json", '"answered": true'),
    Run("dicom-gateway devices unknown", _REFUSED, r"\taddress not in allowed_from\t1\t"),
    Run("devices unknown [--json]", "dicom-gateway devices unknown --json", '"ae_title": "PANO1"'),
    Run("dicom-gateway devices approve NEWDEVICE", "dicom-gateway devices approve PANO1", "^approved PANO1 from "),
    Run("echoscu HOST 11112", "echoscu -aet PANO1 localhost 11112"),
    Run(
        "devices approve AE_TITLE [--from --modality]",
        "dicom-gateway devices edit PANO1 --from 192.168.1.21; "
        f"{_REFUSED}; dicom-gateway devices approve PANO1 --from 127.0.0.1 --modality IO",
        "^approved PANO1 from 192.168.1.21/32, 127.0.0.1/32$",
    ),
    Run("devices show AE_TITLE [--json]", "dicom-gateway devices show PANO1", "^modalities +PX, DX, IO$"),
    Run("devices show AE_TITLE [--json]", "dicom-gateway devices show DX1 --json", '"origin": "file"'),
    Run(
        "dicom-gateway devices import orthanc.json",
        """echo '{"DicomModalities": {"ct": ["CT1", "192.168.1.23", 104]}}' > orthanc.json;"""
        " dicom-gateway devices import orthanc.json",
        "^1 added$",
    ),
    Run("devices list [--json]", "dicom-gateway devices list", r"^CT1\t\t192.168.1.23:104\t"),
    Run("devices list [--json]", "dicom-gateway devices list --json", '"ae_title": "OLD1"'),
    Run("devices remove AE_TITLE", "dicom-gateway devices remove CT1", "^removed CT1$"),
)  # fmt: skip

# Each signature of a report with every option, of steps of which two are nobody's order.
REPORTS = (
    Run("orders show ORDER_ID", "dicom-gateway orders show BITEWINGS_ID", r'^ {10}"id": "([^"]+)"', "STEP_ID"),
    Run(
        "mpps create [-aet -aec -to -v -d --from-order --step --uid -k --json] HOST PORT",
        f"dicom-gateway mpps create {CALLED} --from-order BITEWINGS_ID --step STEP_ID --uid 1.2.3.1"
        " -k PerformedStationName=Chair1 --json localhost 11112",
        r'"sop_instance_uid": "1\.2\.3\.1",\s+"status": "0000"',
    ),
    Run(
        "mpps set [-aet -aec -to -v -d -k --json] HOST PORT UID",
        f"dicom-gateway mpps set {CALLED} -k PerformedLocation=Room1 --json localhost 11112 1.2.3.1",
        '"status": "0000"',
    ),
    Run(
        "store [-aet -aec -to -v -d --json] HOST PORT FILE...",
        f"dicom-gateway store {CALLED} --json localhost 11112 synthetic",
        r'"stored": 2,\s+"failed": 0',
    ),
    Run(
        "mpps complete [-aet -aec -to -v -d --image --series --study -k --json] HOST PORT UID",
        f"dicom-gateway mpps complete {CALLED} --image synthetic --series 1.2.3.2 --study STUDY_UID"
        " -k CommentsOnThePerformedProcedureStep=done --json localhost 11112 1.2.3.1",
        '"status": "0000"',
    ),
    Run(
        "mpps discontinue [-aet -aec -to -v -d --image --series --study --reason -k --json] HOST PORT UID",
        "dicom-gateway mpps create --uid 1.2.3.6 localhost 11112;"
        f" dicom-gateway mpps discontinue {CALLED} --image 1.2.840.10008.5.1.4.1.1.1.1:1.2.3.5 --series 1.2.3.4"
        " --study STUDY_UID --reason 110514"
        " -k CommentsOnThePerformedProcedureStep=wrong --json localhost 11112 1.2.3.6",
        '"status": "0000"',
    ),
    Run(
        "commit [-aet -aec -to -v -d --listen --wait --json] HOST PORT FILE...",
        "dicom-gateway commit -aet DX1 -aec ARCHIVE -to 30 -v -d --listen FREE_PORT --wait 30 --json"
        " localhost ARCHIVE_PORT images/",
        r'"committed": true[^]]*"committed": true',
    ),
)
STUDIES = (
    Run(
        "studies list [--order --limit --json]",
        "dicom-gateway studies list --order ORDER_ID",
        r"^(\S+)\tDX\t2\t",
        "STUDY_UID",
    ),
    Run("studies list [--order --limit --json]", "dicom-gateway studies list --limit 1 --json", '"instance_uid"'),
    Run("studies show UID [--json]", "dicom-gateway studies show STUDY_UID", r"1280 x 1024"),
    Run("studies show UID [--json]", "dicom-gateway studies show STUDY_UID --json", '"rows": 1024'),
    Run(
        "studies export UID FOLDER [--format --as-received --all-frames]",
        "dicom-gateway studies export STUDY_UID originals",
        "^2 written, 0 failed$",
    ),
    Run(
        "studies export UID FOLDER [--format --as-received --all-frames]",
        "dicom-gateway studies export STUDY_UID pictures --format png --all-frames",
        "^2 written, 0 failed$",
    ),
)
RETRIED = "^1 due now$|already delivered to mypms; nothing to send$|being sent to mypms just now$"
DELIVERIES = (
    Run("pms test NAME", "dicom-gateway pms test mypms", "^mypms: delivered"),
    Run("dicom-gateway pms test mypms", prints="^mypms: delivered"),
    Run(
        "deliveries list [--status --target --limit]",
        "dicom-gateway deliveries list --status pending --target mypms --limit 50",
        r"^(evt_\S+)\tmypms\torder\.canceled\tpending\t1\t", "EVENT_ID",
    ),
    Run("deliveries show EVENT_ID", "dicom-gateway deliveries show EVENT_ID", '"order.canceled"'),
    Run("dicom-gateway deliveries retry EVENT", "dicom-gateway deliveries retry EVENT_ID", "^1 due now$"),
    Run("deliveries retry [EVENT_ID] [--target]", "dicom-gateway deliveries retry EVENT_ID --target mypms", RETRIED),
    Run("deliveries retry [EVENT_ID] [--target]", "dicom-gateway deliveries retry --target mypms", "due now$"),
    Run("dicom-gateway deliveries retry --target NAME", "dicom-gateway deliveries retry --target mypms", "due now$"),
)  # fmt: skip
ALARMS = (
    Run("dicom-gateway alarms list", prints=r"^(\d+)\t", keeps="ALARM_ID"),
    Run("alarms list", "dicom-gateway alarms list", r"^ALARM_ID\t"),
    Run("alarms clear ALARM_ID", "dicom-gateway alarms clear ALARM_ID", "^cleared "),
)
TOKENS = (
    Run(
        "token create NAME --role ROLE [--source SOURCE]", "dicom-gateway token create front --role pms --source mypms"
    ),
    Run("dicom-gateway token create mypms --role pms", prints=r"^(\S+)$", keeps="MYPMS_TOKEN"),
    Run("token list", "dicom-gateway token list", r"^front\tpms\tmypms\t"),
    Run("token revoke NAME", "dicom-gateway token revoke front", "^revoked front$"),
)
USERS = (
    Run(
        "users add NAME --role ROLE [--typed]",
        "dicom-gateway users add anna --role administrator", r"^\w{4}-\w{4}-\w{4}$",
    ),
    Run(
        "users add NAME --role ROLE [--typed]",
        "printf 'a long password\\na long password\\n' |"
        " PYTHONWARNINGS=ignore dicom-gateway users add berta --role front-desk --typed",
        "^added berta$",
    ),
    Run(
        "users password NAME [--typed]",
        "printf 'another password\\nanother password\\n' |"
        " PYTHONWARNINGS=ignore dicom-gateway users password berta --typed",
        "^changed the password of berta$",
    ),
    Run("dicom-gateway users password NAME", "dicom-gateway users password berta", r"^\w{4}-\w{4}-\w{4}$"),
    Run("users role NAME ROLE", "dicom-gateway users role berta clinician", "^berta is clinician now$"),
    Run("users disable NAME", "dicom-gateway users disable berta", "^disabled berta$"),
    Run("users list [--json]", "dicom-gateway users list", r"^berta\tclinician\tdisabled\t"),
    Run("users list [--json]", "dicom-gateway users list --json", '"role": "administrator"'),
    Run("users enable NAME", "dicom-gateway users enable berta", "^enabled berta$"),
)  # fmt: skip
CHECK = (
    Run("check [--json]", "dicom-gateway check", "^ok +configuration"),
    Run("dicom-gateway check", prints="^ok +limits"),
    Run("check [--json]", "dicom-gateway check --json", '"state": "ok"'),
)


TABLES = (MADE, ORDERS, DEVICE, DEVICES, STUDIES, REPORTS, DELIVERIES, ALARMS, TOKENS, USERS, CHECK)

# Means the same as another command, which is run.
SAME = {
    "dicom-gateway worklist explain ORDER --device AET": "worklist explain ORDER --device AET [--json]",
    "dicom-gateway orders import": "orders import FILE",
    "dicom-gateway devices add PANO1 --modality PX --from 192.168.1.21": _ADDED,
    "devices import FILE": "dicom-gateway devices import orthanc.json",
    "dicom-gateway alarms clear ID": "alarms clear ALARM_ID",
    "dicom-gateway pms test": "pms test NAME",
    "dicom-gateway studies show UID": "studies show UID [--json]",
    "dicom-gateway worklist --device AET": "worklist --device AET [--date --json]",
    "worklist --device": "worklist --device AET [--date --json]",
    "dicom-gateway token create NAME --role pms": "dicom-gateway token create mypms --role pms",
}

# In the README, but not in one of its blocks, which test_readme.py runs.
IN_README = ("kill %1",)

# Run by the fixtures and by a test of their own: see test_commands_run.py.
SERVED = ("serve [--role ROLE] [--log-json]", "init [DIRECTORY]", "dicom-gateway init")
SECRET = "echo whsec_$(openssl rand -base64 32)"  # noqa: S105

_LONG = "it takes minutes, and writes a page of the project; its parts have tests"
_TOOLS = "it looks at the whole tree, or changes it; .ci/run runs it"
_HL7 = "it needs a system that sends HL7; tests/e2e/test_hl7.py"
_TLS = "it needs certificates; tests/e2e/test_dicom_tls.py"
NOT_RUN = {
    "make test": "this test is part of it",
    "make check": _TOOLS,
    "make format": _TOOLS,
    "make lock": "it asks the package index",
    "make peers": "it asks the package index",
    "make demo": "it takes half a minute; tests/e2e/test_demo.py",
    "demo [--folder --keep --seconds-per-event]": "it takes half a minute; tests/e2e/test_demo.py",
    "make soak": _LONG,
    "make conformance": _LONG,
    ".venv/bin/python -m conformance --quick": _LONG,
    "python -m conformance.statement": "it writes a page of the project; tests/test_statement.py",
    "python -m tests.faults.soak --only attack": _LONG,
    "python -m tests.web.update_catalogue": "it writes the catalogues; tests/web/test_catalogue.py",
    ".venv/bin/python -m benchmarks": _LONG,
    "python -m benchmarks": _LONG,
    ".venv/bin/python -m benchmarks.worklist": _LONG,
    ".venv/bin/python -m benchmarks.store": _LONG,
    "apt-get install dcmtk": "it changes the machine; what it installs is used here",
    "echoscu +tla +cf ca.pem HOST 2762": _TLS,
    "echoscu +tls device.key device.pem +cf ca.pem HOST 2762": _TLS,
    "hl7 send [-to --tls --ca --certificate --key -v] FILE HOST PORT": _HL7,
    "messages list [--direction --peer --type --outcome --order --limit --json]": _HL7,
    "messages show MESSAGE_ID [--raw --json]": _HL7,
    "kill -9": "what the fault tests do, not a command to type",
}
