# SPDX-License-Identifier: Apache-2.0
"""Hooks on every module of a torch model, and on request on every torch call below them.

Invariant: nothing here computes or replaces a value; hooks only look at what passes. Names: the module's dotted name (the
model itself: root), "#2" for its second call in a step, then "in.0", "in.NAME", "out", "out.0", "out.NAME". Torch calls:
the innermost module that runs, then "aten.mm.default", "#2" for the second of its kind there, then "out".
"""

from collections import Counter
from collections.abc import Mapping

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from trace_file import dtype_name


def leaves(value, path):
    """Every tensor in nested tuples, lists and mappings, with its path; None, numbers and other objects hold none."""
    if isinstance(value, torch.Tensor):
        yield path, value
    elif isinstance(value, (Mapping, tuple, list)):
        for key, part in value.items() if isinstance(value, Mapping) else enumerate(value):
            yield from leaves(part, f"{path}.{key}")


def numbered(name, count):
    return name if count == 1 else f"{name}#{count}"


class Watch:
    """Records into `sink` (TraceFile) while it is open; as a context manager it takes its hooks away again."""

    def __init__(self, model, sink, torch_calls=False):
        self.sink, self.stack, self.modules, self.ops, self.busy = sink, [], Counter(), Counter(), False
        self.calls = TorchCalls(self) if torch_calls else None
        self.handles = []
        for name, module in model.named_modules():
            name = name or "root"
            before = lambda m, args, kwargs, name=name: self.enter(name, args, kwargs)
            after = lambda m, args, kwargs, out, name=name: self.leave(out)
            self.handles.append(module.register_forward_pre_hook(before, with_kwargs=True))
            self.handles.append(module.register_forward_hook(after, with_kwargs=True))

    def __enter__(self):
        if self.calls:
            self.calls.__enter__()
        return self

    def __exit__(self, *error):
        if self.calls:
            self.calls.__exit__(*error)
        for handle in self.handles:
            handle.remove()

    def begin_step(self, first_position, tokens):
        self.sink.begin_step(first_position, tokens)
        self.modules.clear()
        self.ops.clear()
        self.record("", "tokens", torch.tensor(tokens))
        self.record("", "positions", torch.arange(first_position, first_position + len(tokens)))

    def record(self, module, leaf, value):
        """Every tensor in `value`. The copies made here are no calls of the model."""
        self.busy = True
        paths = [self.sink.record(module, name, tensor) for name, tensor in leaves(value, leaf)]
        self.busy = False
        return paths

    def enter(self, name, args, kwargs):
        self.modules[name] += 1
        label = numbered(name, self.modules[name])
        self.stack.append(label)
        for index, value in enumerate(args):  # now, because the module may write into its inputs
            self.record(label, f"in.{index}", value)
        for key, value in kwargs.items():
            self.record(label, f"in.{key}", value)

    def leave(self, out):
        self.record(self.stack.pop(), "out", out)

    def record_cache(self, cache):
        """Keys and values of every layer of a transformers cache, as they stand after the step."""
        for index, layer in enumerate(getattr(cache, "layers", ())):
            for part in ("keys", "values"):
                self.record("past_key_values", f"{index}.{part}", getattr(layer, part, None))


def described(value):
    """An argument as JSON: tensors by format and shape, everything else by value."""
    if isinstance(value, torch.Tensor):
        return {"dtype": dtype_name(value.dtype), "shape": list(value.shape)}
    if isinstance(value, (tuple, list)):
        return [described(part) for part in value]
    return value if isinstance(value, (bool, int, str, type(None))) else repr(value)


class TorchCalls(TorchDispatchMode):
    """Every call that reaches torch's dispatcher, in order, with its scalars. Results that are views of an argument are
    listed and not stored again."""

    def __init__(self, watch):
        super().__init__()
        self.watch = watch
        watch.sink.calls = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if self.watch.busy:
            return func(*args, **kwargs)
        arguments = [described(value) for value in args]
        named = {key: described(value) for key, value in kwargs.items()}
        result = func(*args, **kwargs)
        self.note(func, arguments, named, result)
        return result

    def note(self, func, arguments, named, result):
        watch = self.watch
        module = watch.stack[-1] if watch.stack else "outside"
        watch.ops[module, func] += 1
        aliases = [value.alias_info for value in func._schema.returns]
        view = any(alias is not None and not alias.is_write for alias in aliases)
        in_place = any(alias is not None and alias.is_write for alias in aliases)
        leaf = f"{numbered(str(func), watch.ops[module, func])}.out"
        paths = [] if view else watch.record(module, leaf, result)
        watch.sink.calls.append({"step": len(watch.sink.steps) - 1, "module": module, "op": str(func), "args": arguments,
                                 "kwargs": named, "out": described(result), "taps": paths, "view": view,
                                 "in_place": in_place})
