"""The scenes: each koan's layer is played before a client, with an app that shows its fault.

A scene says two things apart: that a rule was broken (`stage.breaks`), and that the layer does not
do what it is meant to do (`stage.misses`), so that to delete a layer's work is no repair.

>>> from wsgimw.devtools.koans.stage import Stage
>>> stage = Stage(lambda app: app)
>>> SCENES["08_exc_info.py"](stage)
>>> stage.lost
['the error page came without the header X-Served-By: koans']
"""

from __future__ import annotations

from wsgimw.devtools.koans import scenes_bodies, scenes_heads
from wsgimw.devtools.koans.props import SCENES

__all__ = ["SCENES", "scenes_bodies", "scenes_heads"]
