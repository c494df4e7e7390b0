"""`python -m dicom_gateway`."""

from dicom_gateway.cli import main

if __name__ == "__main__":
    main()
