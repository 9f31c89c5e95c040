# When did the Nile's flow drop? Annual volume at Aswan, 1871 to 1970, in 10^8 m³ (Cobb 1978; R's own data set `Nile`).
#
# Fits a mean before and a mean after each possible year and takes the year that leaves least (Bai and Perron 1998), writes
#
#   results/nile.csv     year, flow and the mean of its time
#   results/break.csv    the year of the break, its 95 % confidence interval and the two means
#   results/nile.svg     the picture
#
# Every number is rounded well above the last bits of floating point.

suppressPackageStartupMessages(library(strucchange))

dir.create("results", showWarnings = FALSE)
fit <- breakpoints(Nile ~ 1, breaks = 1)
interval <- as.vector(confint(fit)$confint)
years <- time(Nile)[interval]
means <- as.vector(coef(fit))

found <- data.frame(
  quantity = c("last year before the break", "95 % from", "95 % to", "mean before [1e8 m3]", "mean after [1e8 m3]"),
  value = c(years[2], years[1], years[3], sprintf("%.1f", means))
)
write.csv(found, "results/break.csv", row.names = FALSE)

series <- data.frame(year = as.integer(time(Nile)), flow = as.integer(Nile), mean = sprintf("%.1f", fitted(fit)))
write.csv(series, "results/nile.csv", row.names = FALSE, quote = FALSE)

svg("results/nile.svg", width = 8, height = 4.5)
plot(Nile, ylab = "flow at Aswan [1e8 m3 a year]", xlab = "", col = "#1d3557", las = 1, bty = "l")
rect(years[1], 0, years[3], 2000, col = "#d1495b22", border = NA)
lines(fitted(fit), col = "#d1495b", lwd = 2.5)
invisible(dev.off())

cat(sprintf("The flow broke after %d, between %d and %d.\n", years[2], years[1], years[3]))
