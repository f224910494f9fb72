"""Shows what is wrong with a model spec or a playbook as an import error of Airflow, where everybody looks.

It defines no DAG. A file that cannot be imported loses every DAG in it, so what is broken is reported from
here, and the other models' monitors and the response go on with what could be read.
"""

from amends.errors import BadInput
from amends.orchestration.settings import read_books, read_shelf

if problems := (*read_shelf().problems, *read_books().problems):
    raise BadInput("\n".join(problems))
