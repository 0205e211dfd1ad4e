"""Two 'data annotate' at work on one data set: the second is refused."""
import fcntl
import os
import unittest

from cli import CliTest


class AnnotateLockTest(CliTest):
    def test_the_second_is_refused_and_the_folder_is_left_as_it_was(self):
        data = self.path("rooms")
        self.succeed("data", "render", "--out", data, "--rooms", 3, "--views", 2, "--image-side", 32, "--furniture", "parametric",
                     "--set", "samples_per_pixel=1", "--set", "annotate=false")
        before = sorted(os.listdir(data))
        folder = os.open(data, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            self.refuse(1, "data", "annotate", data, names=[data, "another 'data annotate'"])
        finally:
            os.close(folder)
        self.assertEqual(sorted(os.listdir(data)), before)
        self.succeed("data", "annotate", data)


if __name__ == "__main__":
    unittest.main()
