-- Orders are looked up by people: by the PMS's number, and by the given name, or the animal's, in a name.
CREATE INDEX imaging_order_placer ON imaging_order (placer_order_number);
CREATE INDEX scheduled_step_given ON scheduled_step (substr(patient_name, instr(patient_name, '^') + 1), start_utc);
