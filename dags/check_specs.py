"""Shows what is wrong with a model spec as an import error of Airflow, where everybody looks.

It defines no DAG. A file that cannot be imported loses every DAG in it, so the broken spec is reported from
here and the other models' monitors, in ``monitor_models.py``, go on.
"""

from amends.errors import SpecError
from amends.orchestration.settings import read_shelf

if problems := read_shelf().problems:
    raise SpecError("\n".join(problems))
