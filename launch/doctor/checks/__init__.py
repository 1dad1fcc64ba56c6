"""What the doctor checks, by subject; launch.doctor.examination has the table of them."""
