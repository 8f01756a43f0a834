"""Names of regions: which class a teacher's regions have, by a probe learnt on the source."""
