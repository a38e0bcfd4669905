// Reads the whole memory of a process, as a core dump would hold it, and looks for secrets in it. Needs root.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "pki/key.h"

namespace smki::test {

// A secret in one of the forms in which it could lie about.
struct Needle {
  std::string name;
  Bytes octets;
};
// The secret itself, and in lower and upper case hexadecimal.
void AddForms(std::vector<Needle>& out, const std::string& name, ByteSpan secret);

// Where kFragment or more consecutive octets of a needle lie: "kira's share, 33 octets at 7f... in [heap]".
inline constexpr size_t kFragment = 16;
std::vector<std::string> Scan(pid_t process, const std::vector<Needle>& needles);

// Every readable region of the process, piece by piece; pieces of one region overlap by 256 octets and begin at a
// multiple of 8.
void ReadMemory(pid_t process,
                const std::function<void(const std::string& region, uint64_t address, ByteSpan octets)>& take);

// Where the private key of `key` lies as a scalar, as octets or in OpenSSL's own order.
std::vector<std::string> FindPrivateKey(pid_t process, const pki::PublicKey& key);

// The one child of a process; -1 if there is not exactly one.
pid_t ChildOf(pid_t process);

}  // namespace smki::test
