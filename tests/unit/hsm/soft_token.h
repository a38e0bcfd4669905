// A SoftHSM with its tokens in a folder of this test, removed afterwards.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "hsm/pkcs11/module.h"

namespace smki::hsm::test {

inline constexpr char kSoftHsm[] = "/usr/lib/softhsm/libsofthsm2.so";

class TempFolder {
 public:
  TempFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "smki-hsm-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    path_ = name;
  }
  ~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// One at a time: a process opens one module.
class SoftHsm {
 public:
  SoftHsm() : SoftHsm(own_folder_) {}
  // The tokens stay in `folder`.
  explicit SoftHsm(const TempFolder& folder) : config_(folder / "softhsm2.conf") {
    std::filesystem::create_directory(folder / "tokens");
    std::ofstream(config_) << pkcs11::SoftHsmConfig(folder / "tokens");
    Open();
  }
  void Open() {
    auto module = pkcs11::Module::Load(kSoftHsm, config_);
    if (!module.ok()) {
      ADD_FAILURE() << module.status();
      std::abort();
    }
    module_ = *std::move(module);
  }
  void Close() { module_.reset(); }
  pkcs11::Module& module() { return *module_; }
  const std::string& config() const { return config_; }

 private:
  TempFolder own_folder_;
  std::string config_;
  std::shared_ptr<pkcs11::Module> module_;
};

inline Secret SecretOf(const std::string& text) {
  return Secret(ToBytes(AsBytes(text)));
}

}  // namespace smki::hsm::test
