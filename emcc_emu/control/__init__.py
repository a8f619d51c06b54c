"""Control: the administration API of a running lab."""
