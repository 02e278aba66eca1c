from hypothesis import settings

# A slow machine is no fault of the code; time is for the benchmarks.
settings.register_profile("without deadline", deadline=None)
settings.load_profile("without deadline")
