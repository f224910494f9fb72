"""One remedy a file. Each makes a registered candidate (:mod:`amends.workflow.remedy`) or leaves a record."""
