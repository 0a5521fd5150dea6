"""Which files are the program's, and which stand between it and the driver."""

from pathlib import Path

from kernels.gpu.driver.place import LIBRARIES, place, spelled


def test_a_folder_that_a_link_leads_to_is_known_by_both_names(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "there")
    assert spelled(tmp_path / "link") == (f"{tmp_path}/link/", f"{tmp_path.resolve()}/there/")
    assert spelled(tmp_path / "there") == (f"{tmp_path}/there/",)


def test_the_place_is_the_first_line_that_is_of_no_library():
    import numba.cuda

    assert numba.cuda.__file__.startswith(LIBRARIES)
    assert place().startswith(f"{Path(__file__)}:")
