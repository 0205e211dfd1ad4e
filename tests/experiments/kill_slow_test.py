"""A few of the rounds that kill_rounds.py does by the hundred."""
import unittest

import kill_rounds
from cli import AFFINIS, WITH_TORCH


@unittest.skipUnless(WITH_TORCH, "the program was built without LibTorch and runs no experiments")
class KillRoundsTest(unittest.TestCase):
    def test_killed_rounds_end_with_the_bytes_of_an_undisturbed_run(self):
        figures = kill_rounds.run_rounds(AFFINIS, rounds=6, seed=3)
        self.assertEqual(figures["rounds"], 6)
        self.assertGreaterEqual(sum(figures["killed"].values()), 6)
        self.assertLessEqual(figures["done_again"], figures["workers_killed"])


if __name__ == "__main__":
    unittest.main()
