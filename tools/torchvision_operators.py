"""Declares torchvision's compiled operators before torchvision is imported beside a CPU build of torch.

Its library is built for CUDA and does not load there, and the import then fails on registering their shapes. Image
transforms are plain torch; nothing calls these operators.
"""

import sys
from importlib.machinery import ModuleSpec


class _BeforeTorchvision:
    @staticmethod
    def find_spec(name: str, _path: object = None, _target: object = None) -> ModuleSpec | None:
        if name == "torchvision":
            sys.meta_path.remove(_BeforeTorchvision)
            import torch  # noqa: PLC0415 - heavy, and only wanted where torchvision is

            library = torch.library.Library("torchvision", "DEF")
            for operator in ("nms", "qnms"):
                library.define(operator + "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
            _BeforeTorchvision.library = library
        return None


sys.meta_path.insert(0, _BeforeTorchvision)
