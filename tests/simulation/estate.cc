#include "tests/simulation/estate.h"

#include <dlfcn.h>

#include <filesystem>

#include "base/file.h"
#include "sim/estate/generate.h"
#include "tests/simulation/world/randomness.h"

namespace smki::simulation {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxFile = 64 << 20;

class StillClock : public Clock {
 public:
  UtcTime Now() override { return kStart; }
  std::chrono::nanoseconds SinceBoot() override { return {}; }
};

}  // namespace

StatusOr<LoadedHsm> LoadHsm(const std::string& library) {
  void* const handle = ::dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (handle == nullptr) return NotFound("the simulated HSM {} cannot be loaded: {}", library, ::dlerror());
  const auto get = reinterpret_cast<SimHsm* (*)()>(::dlsym(handle, "SmkiSimHsm"));
  if (get == nullptr) return InvalidArgument("{} is no simulated HSM", library);
  return LoadedHsm{library, get()};
}

StatusOr<EstateImage> MakeEstate(const LoadedHsm& hsm, uint64_t seed, uint64_t devices, const std::string& scratch,
                                 const std::string& runbooks) {
  const SeededOpenssl openssl(seed * 2 + 1);
  SeededRandom random(seed * 2);
  StillClock clock;
  Bytes hsm_seed(8);
  SeededRandom(seed).Fill(hsm_seed);
  hsm.hsm->Reset(hsm_seed);

  EstateImage out;
  out.folder = fmt::format("{}/estate-{}", scratch, seed);
  sim::GenerateOptions options;
  options.out = out.folder;
  options.devices = devices;
  options.seed = seed;
  options.runbooks = runbooks;
  options.threads = 1;
  options.pkcs11_module = hsm.library;
  SMKI_ASSIGN_OR_RETURN(out.estate, sim::Generate(options, clock, random));
  out.tokens = hsm.hsm->Save();
  for (const auto& entry : fs::recursive_directory_iterator(out.folder)) {
    if (!entry.is_regular_file()) continue;
    const std::string path = fs::relative(entry.path(), out.folder).string();
    SMKI_ASSIGN_OR_RETURN(out.files[path], PosixFiles().Read(entry.path().string(), kMaxFile));
  }
  return out;
}

}  // namespace smki::simulation
