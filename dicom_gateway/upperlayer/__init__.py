"""PS3.8 under pynetdicom: the accepting server and its sockets."""
