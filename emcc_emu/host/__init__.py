"""Host: a running lab: supervised cluster processes, certificates, the ready file."""
