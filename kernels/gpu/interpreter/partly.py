"""Arrays of the checked mode that have no values yet, as the memory of a device that has just been allocated."""

from kernels.gpu.interpreter.arrays import GlobalArray


class PartlyArray(GlobalArray):
    """A global array of which something may be unwritten: `memory.marks(data)` has a byte for each of its bytes."""

    writer = "anybody"

    def __init__(self, data, sites, layout, memory):
        self.marks = memory.marks(data)
        super().__init__(data, sites, layout, memory)

    def accessors(self):
        load_any, store_only = super().accessors()
        marks, unwritten = self.marks, self.unwritten

        def load(index, site):
            value = load_any(index, site)
            if not marks[index].all():
                raise unwritten(index, site)
            return value

        def store(index, value, site):
            store_only(index, value, site)
            marks[index] = 1

        return load, store

    def before(self, index, site):
        if not self.marks[index].all():
            raise self.unwritten(index, site)
        return super().before(index, site)
