"""Ways to tamper with a stored artefact, by name."""

import os
import pickle
from functools import partial

from tampering import (
    MODEL,
    Attack,
    another_model,
    around,
    array,
    bomb,
    dangling_link,
    door,
    edit_mlmodel,
    endless_array,
    flip,
    folder_for_a_model,
    hard_link,
    huge,
    linked_code,
    loader,
    locked_member,
    long_mlmodel,
    lying_size,
    member,
    mlmodel,
    nested_schema,
    pickled_array,
    pipe,
    put,
    rename,
    rewrite,
    schema,
    schema_twice,
    stored,
    unfolding_matrix,
    zipfile_comment,
)

MERGES = "flavors: {}\na0: &a0 {k: v}\n" + "".join(
    f"a{n + 1}: &a{n + 1}\n  <<: [{', '.join([f'*a{n}'] * 10)}]\n" for n in range(12)
)
"""Each line takes the one before in ten times: read to the end it has a million million entries."""

BYTES_ONLY: dict[str, Attack] = {
    "a bit in MLmodel": flip("MLmodel"),
    "a bit in conda.yaml": flip("conda.yaml"),
    "a bit in python_env.yaml": flip("python_env.yaml"),
    "a bit in requirements.txt": flip("requirements.txt"),
    "another version's model": another_model,
    "a hard link": hard_link,
    "a pipe": pipe,
    "a socket": door,
    "a dangling link": dangling_link,
    "a linked folder of code": linked_code,
    "three gigabytes": huge,
}
"""Refused by the digest, or because no digest can be made."""
FORMS: dict[str, Attack] = {
    "an empty MLmodel": mlmodel(""),
    "an MLmodel that merges without end": mlmodel(MERGES),
    "an MLmodel nested without end": mlmodel("flavors: " + "[" * 20_000),
    "an MLmodel of two documents": mlmodel("flavors: {}\n---\nflavors: {}\n"),
    "an MLmodel that names a function": mlmodel("flavors: !!python/name:os.system"),
    "an MLmodel that builds an object": mlmodel("flavors: !!python/object/new:os.system ['touch OWNED']"),
    "an MLmodel of megabytes": long_mlmodel,
    "a path out of the folder": lambda folder, _: edit_mlmodel(
        folder, "python_function", model_path="../../model.pkl"
    ),
    "a model elsewhere": lambda folder, owned: edit_mlmodel(folder, "sklearn", pickled_model=str(owned)),
    "a model under another name": rename(MODEL, "model.pkl"),
    "MLmodel in lower case": rename("MLmodel", "mlmodel"),
    "the model in upper case": rename(MODEL, MODEL.upper()),
    "a Greek letter in MLmodel": rename("MLmodel", "MLm\u03bfdel"),
    "a Cyrillic twin of the model": put("m\u043edel.skops"),
    "a name with an invisible letter": put("model\u200b.skops"),
    "a name that ends in a line feed": put("model.skops\n"),
    "a .pth file": put("evil.pth"),
    "a cache of compiled code": put("__pycache__/model.cpython-311.pyc"),
    "a package": put("sklearn/__init__.py"),
    "a folder for a model": folder_for_a_model,
    "a bomb": bomb,
    "a lie about a size": lying_size,
    "a matrix that unfolds": unfolding_matrix,
    "a locked member": locked_member,
    "two schemas": schema_twice,
    "a pickle in the archive": member("model.pkl"),
    "a member above the folder": member("../../evil.py"),
    "a member with an absolute name": member("/tmp/evil.py"),
    "a member with a backslash": member("..\\evil.py"),
    "a pickle before the archive": around(before=pickle.dumps("harmless")),
    "a comment behind the archive": zipfile_comment,
    "an array that is a pickle": array(pickled_array),
    "an array without end": array(endless_array),
    "no schema": lambda folder, _: rewrite(folder, {"1.bin": b"nothing"}),
    "a schema that is a list": schema(lambda _: [1, 2, 3]),
    "a schema nested without end": nested_schema,
    "a schema that makes an object": schema(loader("ObjectNode")),
    "a schema that makes a function": schema(loader("FunctionNode")),
    "a schema that makes a method": schema(loader("MethodNode")),
    "a schema that makes a type": schema(loader("TypeNode")),
    "a schema with an unknown node": schema(loader("SystemNode")),
    "a function that runs a command": stored(lambda owned: partial(os.system, f"touch {owned}")),
    "a method of a file": stored(lambda owned: owned.touch),
    "no model but a list": stored(lambda owned: [str(owned)]),
}
"""Refused even where the digest on record was made to fit."""
