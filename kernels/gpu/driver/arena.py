"""The memory of a run in checked mode whose arrays lie in the device's memory: nothing is copied.

Each allocation is a region. An array that is an argument and only a part of one, as a row of a matrix is, has a region
of its own beside it, for those addresses that can come from it alone.
"""

import numpy as np

from kernels.gpu.driver.memory import Allocation, DeviceMemory
from kernels.gpu.emulator.arena import GAP, PAGE, Arena, Region
from kernels.gpu.emulator.places import aligned
from kernels.gpu.emulator.spans import bounds
from kernels.gpu.interpreter.checked import merged


class Pages:
    """By page of a device's memory the number of the allocation there, as long as nothing is allocated or freed."""

    def __init__(self, memory: DeviceMemory):
        self.version = memory.version
        self.numbers: dict[int, int] = {}  # by number of an allocation: its place among the regions, from 1 on
        self.table = np.zeros(memory.top // PAGE, np.int32)
        for number, each in enumerate(memory.allocations, 1):
            self.numbers[each.number] = number
            first = each.address - memory.address
            self.table[first // PAGE : -(-(first + each.size) // PAGE)] = number


class DeviceArena(Arena):
    """As Arena, of the memory of a device."""

    def __init__(self, device: DeviceMemory, values, names, places, shared_bytes):
        self.device, self.values = device, values
        self.memory, self.address, self.extent = device.bytes, device.address, device.top
        self.written = device.written
        if not isinstance(device.pages, Pages) or device.pages.version != device.version:
            device.pages = Pages(device)
        self.numbers = device.pages.numbers
        self.regions = [self._region(each) for each in device.allocations]
        self.partly = np.array([0, *(not each.is_whole for each in device.allocations)], np.uint8)
        shared = places.shared_bytes + shared_bytes
        self.shared = (GAP, aligned(shared, PAGE))
        self.pages = np.zeros((self.extent + places.statics_bytes) // PAGE + 2, np.int32)
        self.pages[: device.pages.table.size] = device.pages.table
        for name, (offset, variable) in places.shared.items():
            size = shared_bytes if variable.size is None else variable.size
            self._paged(Region(GAP + offset, size, name, "shared"))
        for name, (offset, variable) in places.statics.items():
            self._paged(Region(self.extent + offset, variable.size, name, "static"))
        self.given = {name: None for name in places.parameters}
        self._give(values, names, list(places.parameters))
        self.arrays = [region for region in self.regions if region.arrays]
        more = len(self.regions) + 1 - self.partly.size
        self.partly = np.append(self.partly, np.zeros(more, np.uint8))
        for number, owner in self.owners.items():
            self.partly[number] = self.partly[owner]
        self.sealed = np.array([0, *(region.is_read_only for region in self.regions)], np.uint8)
        self.bounds = np.full((len(self.regions) + 1, 2), 1 << 62, np.int64)
        for number, region in enumerate(self.regions, 1):
            self.bounds[number] = region.first, region.first + region.size

    def _region(self, each: Allocation) -> Region:
        name = f"the array allocated at {each.place}" if each.place else "an array of the device"
        return Region(each.address - self.address, each.size, name, "array", each.address)

    def _paged(self, region: Region) -> None:
        self.regions.append(region)
        self.pages[region.first // PAGE : -(-(region.first + region.size) // PAGE)] = len(self.regions)

    def _give(self, values, names, parameters) -> None:
        """Say of each parameter which array it is, or which allocation it points to."""
        self.owners: dict[int, int] = {}  # by number of a region that is a part of an allocation: that of the whole
        parts: dict[int, list] = {}
        for parameter, name, value in zip(parameters, names, values, strict=False):
            array = value if isinstance(value, np.ndarray) else self._bytes_at(value)
            allocation = array is not None and array.size and self.device.at(bounds(array)[0])
            if not allocation:
                continue
            number = self.numbers[allocation.number]
            self.regions[number - 1].arrays.append((name, array))
            self.given[parameter] = (number, (name, array))
            parts.setdefault(number, []).append((parameter, name, array))
        for number, arrays in parts.items():
            whole = self.regions[number - 1]
            for low, high in merged(bounds(array) for _, _, array in arrays):
                here = [each for each in arrays if low <= bounds(each[2])[0] < high]
                if high - low < whole.size:
                    named = [(name, array) for _, name, array in here]
                    self.regions.append(Region(low - self.address, high - low, named[0][0], "array", low, named))
                    self.owners[len(self.regions)] = number
                    self.given |= {p: (len(self.regions), (name, array)) for p, name, array in here}

    def _bytes_at(self, value):
        """What a pointer points to that is given as a number: the rest of the allocation, as bytes."""
        address = int.from_bytes(value, "little") if isinstance(value, bytes) and len(value) == 8 else 0
        found = self.device.at(address) if self.device.holds(address) else None
        return self.device.view(address, found.end - address, np.uint8) if found else None

    def freed_text(self, address):
        """Where memory was freed that an address lies in; nothing for other addresses."""
        return self.device.freed_text(address)

    def copy_back(self):
        """After the run: note which allocations are written as a whole by now."""
        self.device.settle()
