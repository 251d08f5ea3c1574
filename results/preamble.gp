# The look that all plots of a run share.  Loaded first by each NAME.gp, which has set `name`.
# By hand: gnuplot exposure.gp makes exposure.svg; gnuplot -e "png=1" exposure.gp makes exposure.png.
if (exists("png")) {
  set terminal pngcairo size 1200,480 noenhanced font "sans,11" background rgb "#ffffff"
  set output name.".png"
} else {
  set terminal svg size 1200,480 noenhanced font "sans-serif,13" background rgb "#ffffff"
  set output name.".svg"
}
set encoding utf8
set datafile separator "\t"
set border 3 linecolor rgb "#888888"
set tics nomirror out textcolor rgb "#444444"
set grid ytics linecolor rgb "#dddddd" linewidth 0.5
set key outside top right horizontal
set xlabel "time since the start of the run [s]"
set yrange [0:*]
set lmargin 14
set rmargin 4
# Okabe and Ito: told apart by colour-blind eyes, too
set linetype 1 linecolor rgb "#0072b2" linewidth 2
set linetype 2 linecolor rgb "#d55e00" linewidth 2
set linetype 3 linecolor rgb "#009e73" linewidth 2
set linetype 4 linecolor rgb "#cc79a7" linewidth 2
set linetype 5 linecolor rgb "#e69f00" linewidth 2
set linetype 6 linecolor rgb "#56b4e9" linewidth 2
set linetype 7 linecolor rgb "#444444" linewidth 2
set linetype cycle 7
