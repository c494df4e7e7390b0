"""HL7 version 2: messages in and out. Pure parts (message, maps, interpret, acknowledge) and the transports."""
