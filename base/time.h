// UTC instants in milliseconds, and their text (RFC 3339, always with Z).
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace smki {

using Millis = std::chrono::milliseconds;

// Milliseconds since 1970-01-01T00:00:00Z, without leap seconds (POSIX).
struct UtcTime {
  int64_t ms = 0;
  friend constexpr auto operator<=>(UtcTime, UtcTime) = default;
  friend constexpr UtcTime operator+(UtcTime t, Millis d) { return {t.ms + d.count()}; }
  friend constexpr UtcTime operator-(UtcTime t, Millis d) { return {t.ms - d.count()}; }
  friend constexpr Millis operator-(UtcTime a, UtcTime b) { return Millis(a.ms - b.ms); }
};

struct CivilTime {
  int year = 1970, month = 1, day = 1, hour = 0, minute = 0, second = 0;
};
CivilTime ToCivil(UtcTime time);
UtcTime FromCivil(const CivilTime& civil);

// "2026-11-21T03:04:05Z"; with milliseconds "2026-11-21T03:04:05.678Z".
std::string FormatTime(UtcTime time);
std::string FormatTimeMillis(UtcTime time);
// Accepts both forms; years 1970 to 9999. Nullopt for anything else, impossible dates included.
std::optional<UtcTime> ParseTime(std::string_view text);
// "2026-11-21".
std::string FormatDate(UtcTime time);
std::optional<UtcTime> ParseDate(std::string_view text);

// An ISO 8601 duration of days, hours, minutes and seconds: "P7D", "PT15M", "P1DT12H". Nullopt otherwise.
std::optional<Millis> ParseDuration(std::string_view text);
std::string FormatDuration(Millis duration);

}  // namespace smki
